-- MySQL dump 10.11
--
-- Host: mysql.lab    Database: deploy3
-- ------------------------------------------------------
-- Server version	5.0.51a-24+lenny2

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;

--
-- Table structure for table `environments`
--

DROP TABLE IF EXISTS `environments`;
SET @saved_cs_client     = @@character_set_client;
CREATE TABLE `environments` (
  `id` int(10) unsigned NOT NULL auto_increment,
  `name` varchar(255) NOT NULL default '',
  `version` int(10) unsigned NOT NULL default '0',
  `description` text,
  `author` varchar(56) NOT NULL default '',
  `tarball` varchar(512) NOT NULL,
  `preinstall` varchar(512) NOT NULL,
  `postinstall` varchar(512) NOT NULL,
  `hypervisor` varchar(255) NOT NULL,
  `hypervisor_params` varchar(255) NOT NULL,
  `initrd` varchar(255) NOT NULL,
  `kernel` varchar(255) NOT NULL,
  `kernel_params` varchar(255) NOT NULL,
  `fdisk_type` varchar(2) default NULL,
  `filesystem` varchar(9) default NULL,
  `user` varchar(255) default 'nobody',
  `allowed_users` varchar(512) NOT NULL,
  `environment_kind` varchar(10) NOT NULL,
  `visibility` varchar(8) NOT NULL,
  `demolishing_env` int(8) NOT NULL default '0',
  PRIMARY KEY  (`id`)
) ENGINE=MyISAM AUTO_INCREMENT=9 DEFAULT CHARSET=utf8;

LOCK TABLES `environments` WRITE;
/*!40000 ALTER TABLE `environments` DISABLE KEYS */;
INSERT INTO `environments` VALUES (1,'lenny-x64 base',1,'Debian Lenny, l\'image de référence\nhttps://wiki.lab/lenny','Émile Zola','/srv/img/lenny.tgz|tgz|0123456789abcdef0123456789abcdef','','http://img.lab/site.tgz|tgz||traitement.ash /rambin,/srv/img/keys.tbz2|tbz2|fedcba9876543210fedcba9876543210|none','','','/boot/initrd.img-2.6.26-2-amd64','/boot/vmlinuz-2.6.26-2-amd64','console=tty0 console=ttyS0,38400n8','83','ext3','root','','linux','public',0),(2,'lenny-x64 base',2,NULL,'','/srv/img/lenny2.tgz|tgz|','','','','','/initrd.img','/vmlinuz','','83','ext3','root','','linux','public',1),(3,'xen-lenny',4,'','o\'neil','/home/oneil/xen.tbz2|tbz2|00112233445566778899aabbccddeeff','/home/oneil/pre.tgz|tgz||breakpoint','','/boot/xen-3.2.gz','dom0_mem=512M','/initrd.img','/vmlinuz','','83','ext3','oneil','','xen','shared',10000),(4,'openbsd',1,'','','/srv/img/obsd.gz|ddgz|','','','','','','','','a6','','root','','other','shared',0),
(5,'broken',1,'','','img.tgz|tgz|','','','','','','/vmlinuz','','83','ext3','bob','','linux','private',0),(6,'short'),(7,'lenny-x64 base',1,'mine','','/home/bob/lenny.tgz|tgz|','','','','','','/vmlinuz','','83','ext3','bob','','linux','private',0),(8,'../../etc/passwd',1,'','','/home/eve/x.tgz|tgz|','','','','','','/vmlinuz','','83','ext3','eve','','linux','private',0);
/*!40000 ALTER TABLE `environments` ENABLE KEYS */;
UNLOCK TABLES;

DROP TABLE IF EXISTS `log`;
CREATE TABLE `log` (
  `deploy_id` varchar(41) NOT NULL,
  `hostname` varchar(256) NOT NULL,
  `step1` varchar(45) NOT NULL,
  `step2` varchar(45) NOT NULL,
  `step3` varchar(45) NOT NULL,
  `timeout_step1` smallint(5) unsigned NOT NULL,
  `timeout_step2` smallint(5) unsigned NOT NULL,
  `timeout_step3` smallint(5) unsigned NOT NULL,
  `retry_step1` tinyint(1) unsigned NOT NULL,
  `retry_step2` tinyint(1) unsigned NOT NULL,
  `retry_step3` tinyint(1) unsigned NOT NULL,
  `start` int(10) unsigned NOT NULL,
  `step1_duration` int(10) unsigned NOT NULL,
  `step2_duration` int(10) unsigned NOT NULL,
  `step3_duration` int(10) unsigned NOT NULL,
  `env` varchar(64) NOT NULL,
  `anonymous_env` varchar(6) NOT NULL,
  `md5` varchar(35) NOT NULL,
  `success` varchar(6) NOT NULL,
  `error` varchar(255) NOT NULL,
  `user` varchar(16) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `log` VALUES ('1d3f','blue-01.lab','SetDeploymentEnvUntrusted','BroadcastEnvChain','BootNewEnvKexec',400,500,150,0,0,0,1256900000,120,60,40,'lenny-x64 base:1','false','','true','','bob'),('1d3f','blue-02.lab','SetDeploymentEnvUntrusted','','',400,500,150,2,0,0,1256900000,400,0,0,'lenny-x64 base:1','false','','false','SetDeploymentEnvUntrusted-wait_reboot: ','bob');

DROP TABLE IF EXISTS `nodes`;
CREATE TABLE `nodes` (
  `hostname` varchar(256) NOT NULL,
  `state` varchar(16) NOT NULL,
  `env_id` int(10) NOT NULL,
  `date` int(10) unsigned NOT NULL,
  `user` varchar(16) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `nodes` VALUES ('blue-01.lab','deployed',1,1256900220,'bob');

DROP TABLE IF EXISTS `rights`;
CREATE TABLE `rights` (
  `user` varchar(30) NOT NULL,
  `node` varchar(256) NOT NULL,
  `part` varchar(50) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `rights` VALUES ('root','*','*'),('bob','blue-01.lab','/dev/sda3'),('bob','blue-02.lab','/dev/sda3'),('d\'artagnan','blue-03.lab','/dev/sda3'),('alice','blue-04.lab','/dev/sdb3'),('*','blue-05.lab','*'),('alice','blue-[06-07].lab','*'),('alice','blue-01.lab','/dev/sda5');
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;

-- Dump completed on 2009-11-02  8:15:00
