-- MySQL dump 10.13  Distrib 5.5.31, for debian-linux-gnu (x86_64)
CREATE TABLE `environments` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL DEFAULT '',
  `version` int(10) unsigned NOT NULL DEFAULT '0',
  `description` text,
  `author` varchar(56) NOT NULL DEFAULT '',
  `tarball` varchar(512) NOT NULL,
  `preinstall` varchar(512) NOT NULL,
  `postinstall` varchar(512) NOT NULL,
  `hypervisor` varchar(255) NOT NULL,
  `hypervisor_params` varchar(255) NOT NULL,
  `initrd` varchar(255) NOT NULL,
  `kernel` varchar(255) NOT NULL,
  `kernel_params` varchar(255) NOT NULL,
  `fdisk_type` varchar(2) DEFAULT NULL,
  `filesystem` varchar(9) DEFAULT NULL,
  `user` varchar(255) DEFAULT 'nobody',
  `allowed_users` varchar(512) NOT NULL,
  `environment_kind` varchar(10) NOT NULL,
  `visibility` varchar(8) NOT NULL,
  `demolishing_env` tinyint(1) NOT NULL DEFAULT '0',
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `environments` (`name`,`version`,`author`,`description`,`tarball`,`preinstall`,`postinstall`,`kernel`,`fdisk_type`,`filesystem`,`user`,`environment_kind`,`visibility`,`demolishing_env`,`kernel_params`) VALUES ('squeeze',1,'J\xe9r\xf4me','','/srv/squeeze.tgz|tgz|','','','/vmlinuz','83','ext3','root','linux','public',1,'quiet'),('squeeze',1,'','twice','/srv/squeeze.tgz|tgz|','','','/vmlinuz','83','ext3','root','linux','public',0,''),('cut',1,'','','/srv/cut.tgz|tgz|','','/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/post/aaaaaaaaaaaaaaaaaaaa.tgz|tgz||go.sh,/srv/p','/vmlinuz','83','ext3','root','linux','public',0,''),('hex',1,'','','/srv/h.tgz|tgz|','','','/vmlinuz','zz','ext3','root','linux','public',0,''),('moon',1,'','','/srv/m.tgz|tgz|','','','','83','','root','linux','public',0,'');
CREATE TABLE `rights` (
  `user` varchar(30) NOT NULL,
  `node` varchar(256) NOT NULL,
  `part` varchar(50) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `rights` VALUES ('alice','vm-001','/dev/vda3'),('alice','vm-009','/dev/vda3'),('alice','vm-001','/dev/vda');
